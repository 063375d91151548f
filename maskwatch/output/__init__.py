"""What people look at: annotated frames and video, a report of JSON lines, a plot, the demo clip."""
