"""The ERP side: a port that any accounting system can stand behind, and its adapters."""
