"""What people look at: annotated frames and video, a report of JSON lines, a plot, a week's report, the demo clip."""
