//! Accounts in a text file.
