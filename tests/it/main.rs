//! The one integration binary: the binary in a sealed environment, real parts, and the code tested as text.
