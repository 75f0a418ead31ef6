//! B2BUA mechanism: legs (one INVITE dialog each, caller's or agent's side), their offers, answers, changes and ends.
//! Knows nothing of queues or agents.
