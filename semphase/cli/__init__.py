"""The command `semphase`: claims and their registration, stored verdicts, a claim to start from; measures nothing."""
