//! The one integration binary: the binary in a sealed environment, real parts, and the code tested as text.
#![allow(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "tests touch the world, and fail by panicking"
)]

mod ansible;
mod ansible_inventories;
mod approvals;
mod audit;
mod bad_days;
mod bench;
mod cancel;
mod channel_faults;
mod check_connect;
mod check_forms;
mod check_words;
mod circuits;
mod closed_channels;
mod codes;
mod command_line;
mod console;
mod contract;
mod contract_bodies;
mod contract_lanes;
mod contract_receipts;
mod contract_shells;
#[cfg(feature = "system-tests")]
mod contract_ways;
mod db_check;
mod db_copies;
mod db_formats;
mod diff;
#[cfg(feature = "system-tests")]
mod disk_full;
mod docs;
mod doctor;
mod dry_run;
mod dry_run_programs;
mod example_actions;
mod example_servers;
mod examples;
mod facts;
#[cfg(feature = "failpoints")]
mod failpoint_flows;
#[cfg(feature = "failpoints")]
mod failpoints;
#[cfg(not(feature = "failpoints"))]
mod failpoints_absent;
mod floors;
mod folders;
mod holders;
mod host_faults;
mod hostile_hosts;
mod integrations;
mod inventory_credentials;
mod inventory_declared;
mod inventory_edits;
mod inventory_edits_random;
mod inventory_imports;
mod inventory_jumps;
mod inventory_relations;
mod inventory_servers;
mod inventory_sizes;
mod inventory_sources;
mod language_forms;
mod language_parallel;
mod language_plans;
mod lifecycle;
mod locks;
mod map_keys;
mod model_server;
mod mutations;
mod mutators;
mod notes;
mod owed;
mod phrase_sentences;
mod powershell;
mod powershell_contract;
mod powershell_grammar;
mod powershell_receipts;
mod powershell_rig;
mod powershell_runs;
mod powershell_users;
mod project;
mod project_tests;
mod project_tests_wrong;
mod proofs;
mod proofs_found;
mod properties;
mod properties_texts;
mod readme;
mod receipts;
mod restricted_hosts;
mod resume;
mod resume_kills;
mod retries;
mod retry;
#[cfg(feature = "system-tests")]
mod rig;
#[cfg(feature = "system-tests")]
mod rig_changes;
#[cfg(feature = "system-tests")]
mod rig_image;
mod rollback_unreached;
mod run_engine;
mod run_history;
mod run_lab;
mod run_language;
mod run_many;
mod run_replay;
mod run_reports;
mod runbook_files;
#[cfg(feature = "system-tests")]
mod runbooks;
mod saved_plans;
mod schemas;
mod schemas_compatible;
mod schemas_inventory;
mod script_allow;
mod script_lint;
mod secret_audit;
mod secret_canaries;
mod secret_files;
mod secret_files_edit;
mod secret_files_git;
mod secret_files_keys;
mod secret_import;
mod secret_keyring;
mod secret_memory;
mod secret_vault;
mod secrets;
mod shared_functions;
mod signatures;
mod ssh_certificates;
mod ssh_config;
mod ssh_config_use;
mod ssh_failures;
mod ssh_passphrases;
mod sshd;
mod state_journal;
mod stdlib_archives;
mod stdlib_cases;
mod stdlib_http;
mod stdlib_json;
mod stdlib_lines;
mod stdlib_looks;
mod stdlib_net;
mod stdlib_notify;
mod stdlib_packing;
mod stdlib_processes;
mod stdlib_rights;
mod stdlib_scripts;
mod stdlib_texts;
mod stdlib_tls;
mod stdlib_trees;
mod stdlib_yaml;
mod story;
mod syscall_kills;
#[cfg(feature = "failpoints")]
mod syscall_rollbacks;
#[cfg(feature = "system-tests")]
mod system_apk;
#[cfg(feature = "system-tests")]
mod system_balancer;
#[cfg(feature = "system-tests")]
mod system_case;
#[cfg(feature = "system-tests")]
mod system_containers;
#[cfg(feature = "system-tests")]
mod system_credentials;
#[cfg(feature = "system-tests")]
mod system_cron;
#[cfg(feature = "system-tests")]
mod system_debian;
#[cfg(feature = "system-tests")]
mod system_doctor;
#[cfg(feature = "system-tests")]
mod system_fetch;
#[cfg(feature = "system-tests")]
mod system_firewalls;
#[cfg(feature = "system-tests")]
mod system_groups;
#[cfg(feature = "system-tests")]
mod system_hosts;
#[cfg(feature = "system-tests")]
mod system_kubernetes;
#[cfg(feature = "system-tests")]
mod system_languages;
#[cfg(feature = "system-tests")]
mod system_looks;
#[cfg(feature = "system-tests")]
mod system_machine;
#[cfg(feature = "system-tests")]
mod system_managers;
#[cfg(feature = "system-tests")]
mod system_mysql;
#[cfg(feature = "system-tests")]
mod system_net;
#[cfg(feature = "system-tests")]
mod system_package_changes;
#[cfg(feature = "system-tests")]
mod system_packages;
#[cfg(feature = "system-tests")]
mod system_partitions;
#[cfg(feature = "system-tests")]
mod system_postgres;
#[cfg(feature = "system-tests")]
mod system_reboot;
#[cfg(feature = "system-tests")]
mod system_repositories;
#[cfg(feature = "system-tests")]
mod system_rpm;
#[cfg(feature = "system-tests")]
mod system_selinux;
#[cfg(feature = "system-tests")]
mod system_servers;
#[cfg(feature = "system-tests")]
mod system_service_states;
#[cfg(feature = "system-tests")]
mod system_services;
#[cfg(feature = "system-tests")]
mod system_shells;
#[cfg(feature = "system-tests")]
mod system_shells_net;
#[cfg(feature = "system-tests")]
mod system_ssh_keys;
#[cfg(feature = "system-tests")]
mod system_story;
#[cfg(feature = "system-tests")]
mod system_sudo;
#[cfg(feature = "system-tests")]
mod system_swap;
#[cfg(feature = "system-tests")]
mod system_tools;
#[cfg(feature = "system-tests")]
mod system_trees;
#[cfg(feature = "system-tests")]
mod system_updates;
#[cfg(feature = "system-tests")]
mod system_users;
mod tidy;
mod translate;
mod translate_doubt;
mod translate_model;
mod trees;
mod unproven;
mod windows_accounts;
mod windows_mixed;
mod windows_registry;
mod windows_rig;
mod windows_story;
mod windows_users;
mod winrm;
mod winrm_acceptors;
mod winrm_certificates;
mod winrm_faults;
mod winrm_kerberos;
mod winrm_realm;
mod winrm_recorded;
mod winrm_rig;
mod wrong_programs;
mod yaml_values;
