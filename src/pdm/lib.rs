//! The interface of POPular database modules.
