"""The messaging command of operators and newcomers; imports all but the three APIs."""
