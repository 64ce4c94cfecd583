//! A real sshd for tests.
