"""The queue on disk: samples, their annotations, retention, import and export."""
