//! The shell: sockets, clocks, threads, signals. The only place with tokio besides `api` and `cli`.
