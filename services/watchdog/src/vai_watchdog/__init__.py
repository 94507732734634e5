"""What died: dead processes, abandoned runs, retention."""
