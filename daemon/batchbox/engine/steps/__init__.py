"""The steps of a job, from claim to receipt."""
