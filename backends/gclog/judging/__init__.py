"""Events in, figures and a verdict out. Pure."""
