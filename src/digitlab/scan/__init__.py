"""The learning-rate scan: a range test, and the document's rates trained side by side."""
