"""The command centre at /finance/: what people who close the books look at. Every figure leads to what it counts."""
