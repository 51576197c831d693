"""Who is measured: each module is imported by a worker alone, after its environment is set."""
