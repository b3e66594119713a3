"""Single heads with less arithmetic: rounded products, half attention, a shortlist of tokens."""
