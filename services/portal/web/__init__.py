"""What all pages stand on: logins, guards, languages, templates, and following what happens."""
