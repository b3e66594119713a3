"""The command `semphase`: claims and their registration, stored verdicts and archives, a new claim; measures nothing."""
