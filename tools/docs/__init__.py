"""The documentation: pages made from the code, and the folder that the site is built of."""
