"""What makes the project's own pages and pictures; nothing here is part of the product."""
