"""How the shipped caption model is trained; README.md has the commands. Nothing here is used at run time."""
