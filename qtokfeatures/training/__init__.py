"""How the bundled codec is made; usable on the user's own audio."""
