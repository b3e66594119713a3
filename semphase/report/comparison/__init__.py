"""Two reports side by side: which verdicts changed, by how much, and what differed between the runs."""
