"""The program that learns from closed cases. The only place that imports scikit-learn; no service ever imports it."""
