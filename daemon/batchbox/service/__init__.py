"""What a service manager and an operator see."""
