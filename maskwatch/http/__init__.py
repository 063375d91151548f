"""What the pages for people and the interface for machines share: who may ask."""
