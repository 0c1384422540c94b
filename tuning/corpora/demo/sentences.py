"""What is said: short everyday sentences, of common words that a small recogniser knows.

Each basic expression has its own; train, dev and test share none. Neutral sentences tell nothing of the feeling.
"""

from __future__ import annotations

from collections.abc import Mapping

from tuning.corpora.corpus import Split

Lines = tuple[str, ...]

SENTENCES: Mapping[str, Mapping[Split, Lines]] = {
    "Neutral": {
        "train": (
            "The bus stops in front of the bank.",
            "There are two chairs in the kitchen.",
            "The meeting starts at ten in the morning.",
            "The box is on the table near the door.",
            "The train goes to the city every hour.",
            "The shop opens at nine and closes at six.",
            "Please put the paper in the second drawer.",
            "The road turns left after the bridge.",
        ),
        "dev": (
            "The library is next to the school.",
            "The number of the room is twenty four.",
            "The report has six pages and a table.",
            "The water is in the blue bottle.",
        ),
        "test": (
            "The post office is across the street.",
            "We have a table and four chairs here.",
            "The class begins on Monday at eight.",
            "The keys are in the top drawer.",
            "The ticket is for the evening train.",
            "The window of the office looks to the north.",
        ),
    },
    "Happiness": {
        "train": (
            "I am so happy today, this is wonderful.",
            "We won the game and I love it.",
            "What a beautiful day, I feel great.",
            "I am very glad that you are here.",
            "I am laughing because you are so funny.",
            "We had a lovely holiday, it was perfect.",
            "Great news, I passed the exam.",
            "I am full of joy and I want to dance.",
        ),
        "dev": ("This is the best day of my life.", "I love this, it makes me smile."),
        "test": (
            "I feel so happy and full of joy.",
            "It is wonderful to see you, my dear friend.",
            "We are going to have a great party.",
        ),
    },
    "Sadness": {
        "train": (
            "I miss her so much, I feel alone.",
            "I am so sad, my friend has died.",
            "I lost everything and I want to cry.",
            "Nobody loves me and it hurts.",
            "I feel empty, all my hope is gone.",
            "She said goodbye and I cried.",
            "It is a sad day, I miss my mother.",
            "I am lonely since he left us.",
        ),
        "dev": ("I cried all night after he left me.", "I am lonely and my heart is broken."),
        "test": (
            "I feel very sad and alone today.",
            "My old dog died and I cry every night.",
            "She left me and I miss her.",
        ),
    },
    "Anger": {
        "train": (
            "I am so angry, get out of my house.",
            "Stop it now, I hate what you did.",
            "How dare you lie to me again.",
            "You make me furious, shut up.",
            "I am mad at you, do not touch my car.",
            "You are a liar, go away.",
            "I hate this, I have had enough.",
            "Shut the door and never come back.",
        ),
        "dev": ("I am mad at you, leave me alone.", "Shut your mouth and get out of here."),
        "test": (
            "I hate you, get out of my room.",
            "I am very angry at you, stop lying to me.",
            "This makes me so mad, how dare you.",
        ),
    },
    "Fear": {
        "train": (
            "I am afraid, somebody is in the house.",
            "Please help me, I am so scared.",
            "I fear that he will kill us.",
            "Run, it is dangerous in the dark.",
            "Do not go in there, I am frightened.",
            "I hear steps, somebody is coming for us.",
            "I am scared to be alone at night.",
            "Help me, he has a knife.",
        ),
        "dev": ("I am scared of the dark, do not go.", "Help, a stranger is following me."),
        "test": (
            "I am so afraid, please do not leave me here.",
            "There is danger, we have to hide.",
            "I am scared that he will find us.",
        ),
    },
    "Disgust": {
        "train": (
            "This food smells terrible, it makes me sick.",
            "That is disgusting, take it away.",
            "There are worms in the dirty meat.",
            "The toilet is filthy and it stinks.",
            "The old fish is rotten and it stinks.",
            "Do not eat that, it is full of dirt.",
            "I feel sick, the bathroom is so dirty.",
            "There is a fly in my soup, how disgusting.",
        ),
        "dev": ("The milk is rotten, it is disgusting.", "It smells so bad that I feel sick."),
        "test": (
            "How disgusting, the meat smells rotten.",
            "This dirty kitchen makes me sick.",
            "There is a fat worm in my food.",
        ),
    },
    "Surprise": {
        "train": (
            "Oh, I did not expect that at all.",
            "Really, I cannot believe it.",
            "Wow, what a big surprise.",
            "What, how did this suddenly happen?",
            "I never thought that you would come.",
            "Is that true, I had no idea.",
            "Wow, where did that come from?",
            "Oh, you surprised me.",
        ),
        "dev": ("Wow, I never expected to see you.", "Oh really, is that true?"),
        "test": (
            "What a surprise, I cannot believe my eyes.",
            "Wow, that was so unexpected.",
            "Oh, how did you suddenly do that?",
        ),
    },
    "Other": {
        "train": (
            "I do not know, maybe yes, maybe no.",
            "I am bored, this takes too long.",
            "I am confused, what do you mean?",
            "Perhaps we should think about it again.",
            "I am tired and this is so boring.",
            "I do not understand, please say it again.",
            "I cannot decide, maybe tomorrow.",
            "I am not sure, I have to think.",
        ),
        "dev": ("Maybe, I am not sure about it.", "I do not understand your question."),
        "test": (
            "I am not sure what to think, maybe later.",
            "This is boring and I am tired of it.",
            "I do not understand what you mean.",
        ),
    },
}
"""Basic expression → split → sentences."""
