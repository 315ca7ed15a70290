"""The first divergence of two trainings: what a seed computes, recorded and compared."""
