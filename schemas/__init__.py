"""What the data is: Arrow schemas, the closed list of reasons, the layout of a run. Imports nothing of ours."""
