//! The control plane: HTTP and JSON, metrics, health. Reads `stats` without stopping anyone; speaks to the node by data.
