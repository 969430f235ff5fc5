"""Images and pictures by the million: read in parts, answered in parts, no part done twice."""
