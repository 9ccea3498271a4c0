"""Which bits and frames a sender spends where: pure functions, with the time as an argument."""
