//! Any bytes from a WinRM listener or a KDC: envelopes, PowerShell's objects, sealed messages, words of NTLM, SPNEGO and
//! Kerberos, certificates, caches of tickets. Never a panic, and the same texts however they are cut.
#![no_main]

use libfuzzer_sys::fuzz_target;
use opsc::transport::winrm::hostile::read;

fuzz_target!(|bytes: &[u8]| read(bytes));
