// Placeholder: delete when the target has its first file.
