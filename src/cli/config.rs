//! `opsc config show`: every setting with its value and who set it. Also finds the project and its settings.

use std::path::{Path, PathBuf};

use super::args::{ConfigCommand, ConfigWhat};
use super::output::Output;
use crate::app::AppError;
use crate::app::known_settings::KNOWN;
use crate::app::project::Project;
use crate::app::settings::{Origin, Settings};

/// The project of a folder, or of none.
pub fn find_project(folder: &Path) -> Project {
    let start = folder.canonicalize().unwrap_or_else(|_| folder.to_path_buf());
    let state_home = user_folder("XDG_STATE_HOME", ".local/state");
    Project::find(&start, &state_home.unwrap_or_else(|| PathBuf::from(".")))
}

/// Defaults < the user's `opsc/config.toml` < the project's `opsc.toml` < the environment. Flags win over all of them.
pub fn load_settings(project: &Project) -> Result<Settings, AppError> {
    let user = user_folder("XDG_CONFIG_HOME", ".config").map(|folder| folder.join("opsc/config.toml"));
    let project = project.found.then(|| project.root.join("opsc.toml"));
    let files: Vec<PathBuf> = user.into_iter().chain(project).collect();
    Settings::load(&files, &|name| std::env::var(name).ok())
}

/// A folder of the XDG specification, or its default below the home.
fn user_folder(variable: &str, default: &str) -> Option<PathBuf> {
    let named = std::env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from);
    named.or_else(|| std::env::home_dir().map(|home| home.join(default)))
}

pub fn run(command: &ConfigCommand, output: &mut Output) -> i32 {
    let ConfigWhat::Show { origin } = &command.what;
    let project = find_project(Path::new("."));
    let settings = match load_settings(&project) {
        Ok(settings) => settings,
        Err(error) => return output.fail(&error, None),
    };
    for known in KNOWN {
        let setting = settings.get(known.key);
        let value = setting.map_or("(not set)", |setting| setting.text.as_str());
        let line = match (origin, setting) {
            (false, _) => format!("{} = {value}\n", known.key),
            (true, None) => format!("{} = {value}    # {}; {}\n", known.key, known.about, known.variable),
            (true, Some(setting)) => format!("{} = {value}    # {}\n", known.key, origin_text(&setting.origin)),
        };
        output.print(&line);
    }
    0
}

fn origin_text(origin: &Origin) -> String {
    match origin {
        Origin::Default => "default".to_string(),
        Origin::File(path, line) => format!("{}:{line}", path.display()),
        Origin::Environment(variable) => format!("environment, {variable}"),
    }
}
