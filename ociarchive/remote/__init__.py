"""A registry over the network: addresses, credentials, and a client of the OCI distribution specification."""
