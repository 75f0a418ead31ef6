//! A world in virtual time: the node, a network with loss and delay, phones that speak SIP bytes, and an oracle.
