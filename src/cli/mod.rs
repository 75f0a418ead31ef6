//! The command line: serve, demo, check, and the control plane's clients.
