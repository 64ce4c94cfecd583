//! The parameter `File Paths`.

/// The paths of a comma-separated list: blanks around each removed, empty ones dropped, each once, order kept.
#[must_use]
pub fn split_file_paths(text: &str) -> Vec<String> {
    let mut paths: Vec<String> = Vec::new();
    for path in text.split(',').map(str::trim).filter(|path| !path.is_empty()) {
        if !paths.iter().any(|known| known == path) {
            paths.push(path.to_owned());
        }
    }
    paths
}

#[cfg(test)]
mod tests {
    use super::split_file_paths;

    #[test]
    fn a_list_gives_each_path_once_without_blanks_around_it() {
        assert_eq!(
            split_file_paths(" /tmp/a b.exe, /tmp/c ,,/tmp/a b.exe\n"),
            ["/tmp/a b.exe", "/tmp/c"]
        );
        assert!(split_file_paths(" , ").is_empty());
    }
}
