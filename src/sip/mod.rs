//! RFC 3261 mechanism, bytes in and bytes out: messages, header grammar, transactions, dialogs. Knows nothing of calls' meaning.
