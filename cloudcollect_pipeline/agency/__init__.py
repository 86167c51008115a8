"""The agency side: a port that any debt-collection agency can stand behind, and its adapters."""
