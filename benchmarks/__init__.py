"""What the pipeline costs, measured beside its floor and its peers in the same run."""
