"""Many clips analysed in parallel, on the cores of one machine or on many machines."""
