"""Every figure of the book: one function each, returning the figure and the data drawn."""
