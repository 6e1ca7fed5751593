"""The auth API: creates accounts, hands out and ends sessions; imports web, database, runtime."""
