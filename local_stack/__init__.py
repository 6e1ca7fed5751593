"""The whole service on one machine from pip wheels, one file per server; imports runtime."""
