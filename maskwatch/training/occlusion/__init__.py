"""What covers a face or fails to: masks worn right and wrong, scarves and hands, drawn on bare faces for training."""
