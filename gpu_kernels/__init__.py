"""General GPU engines, each with a NumPy twin and checks; found through ``intentos.kernels``."""
