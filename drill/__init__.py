"""Break it on purpose, and show what the user sees and what is lost: `make drill`."""
