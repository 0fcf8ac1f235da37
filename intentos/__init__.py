"""IntentOS."""
