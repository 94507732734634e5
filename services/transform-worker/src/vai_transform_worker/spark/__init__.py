"""`engine: "spark"`: the same transform, computed by a Spark cluster that is already there (decision 80)."""
