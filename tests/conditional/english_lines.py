"""Sentences of our own making, each with its form, negation, tense and subject; "?" where the rules must not say."""

LINES = [
    tuple(part.strip() for part in line.rsplit("|", 1))
    for line in """
The kettle is on the stove. | statement no present other
My neighbour painted the fence green. | statement no past other
Grandmother will bring a cake. | statement no future other
I mend old clocks. | statement no present I
I mended two clocks on Friday. | statement no past I
I'll mend yours tomorrow. | statement no future I
We're going to plant beans this spring. | statement no future we
We were going to plant beans. | statement no past we
She's going to Lisbon next week. | statement no present she
She is going to paint the door. | statement no future she
He put it there. | statement no past he
He puts it there every night. | statement no present he
I put it there. | statement no ? I
They cut the hedge. | statement no ? they
Tom cut the hedge. | statement no past other
The postman hit the brakes. | statement no past other
You're kidding! | exclamation no present you
You must be tired. | statement no present you
You should see the harbour. | statement no conditional you
You'd better hurry. | statement no conditional you
I'd rather walk. | statement no conditional I
I'd seen the film before. | statement no past I
I'd like a window seat. | statement no conditional I
He'd left his umbrella on the bus. | statement no past he
She would never lie to us. | statement yes conditional she
It might snow tonight. | statement no conditional it
It's raining again. | statement no present it
It has rained all week. | statement no present it
It had rained all week. | statement no past it
It rained all week. | statement no past it
They've sold the boat. | statement no present they
They used to live near the mill. | statement no past they
They have to leave at noon. | statement no present they
They don't eat fish. | statement yes present they
They didn't eat the fish. | statement yes past they
They won't eat the fish. | statement yes future they
I can't find my gloves. | statement yes present I
I cannot find my gloves. | statement yes present I
I couldn't find my gloves. | statement yes conditional I
I never said that. | statement yes past I
Nobody came. | statement yes past other
No one knows the way. | statement yes present other
No one will believe this story. | statement yes future other
Nothing works in this house. | statement yes present other
None of the windows opens. | statement yes present other
Neither of them sang. | statement yes past other
He has no brothers. | statement yes present he
He hardly ever sings. | statement no present he
She said no. | statement yes past she
She said nothing. | statement yes past she
I think he doesn't know. | statement yes present I
I know that he is at home. | statement no present I
I knew that he was at home. | statement no past I
Nothing ever happens here. | statement yes present other
There is a hole in the bucket. | statement no present other
There was a hole in the bucket. | statement no past other
There will be a storm. | statement no future other
There isn't any soap. | statement yes present other
Here comes the ferry. | statement no present other
Here he comes. | statement no present he
Here you are. | statement no present you
That changes everything. | statement no present other
That's my seat. | statement no present other
That won't help. | statement yes future other
This works. | statement no present other
These are my cousins. | statement no present other
Those were good years. | statement no past other
Tom's father repairs radios. | statement no present other
Tom's father died in May. | statement no past other
Tom's late. | statement no present other
Tom's going to be late. | statement no future other
Tom and I are cousins. | statement no present other
You and I are cousins. | statement no present other
The man who lives upstairs plays the drums. | statement no present other
The man who lived upstairs plays the drums. | statement no present other
The book I borrowed was dull. | statement no past other
What you said is nonsense. | statement no present other
What she wants is a dog. | statement no present other
All I want is some quiet. | statement no present other
Water freezes at zero degrees. | statement no present other
Love is patient. | statement no present other
Work begins at eight. | statement no present other
Smoke filled the kitchen. | statement no past other
Birds often sing at dawn. | statement no present other
Many people like tea. | statement no present other
The lines on the map show railways. | statement no present other
Swimming makes me hungry. | statement no present other
Reading in bed is bad for your eyes. | statement no present other
Getting married takes a day. | statement no present other
To wait is hard. | statement no present other
Yesterday we walked to the lighthouse. | statement no past we
Last night I slept badly. | statement no past I
Every time I call, he is out. | statement no present he
Every morning she feeds the ducks. | statement no present she
On Sundays they visit their aunt. | statement no present they
In the end the cat came back. | statement no past other
For the children, it was a holiday. | statement no past it
When I was a boy, we had no telephone. | statement yes past we
If it rains, we'll stay at home. | statement no future we
If I were you, I would sell it. | statement no conditional I
After the concert, everyone went home. | statement no past other
Because of the fog, the plane was late. | statement no past other
Although he was ill, he worked. | statement no past he
Had I known, I would have waited. | statement no conditional I
To tell the truth, I'm bored. | statement no present I
Hearing the bell, she ran downstairs. | statement no past she
Frankly, I don't care. | statement yes present I
Well, I like it. | statement no present I
No, I like it. | statement no present I
No, I don't like it. | statement yes present I
Yes, he told me. | statement no past he
And then we danced. | statement no past we
But it hurts. | statement no present it
Maybe they forgot. | statement no past they
Mary, I need your help. | statement no present I
Look, I'm busy. | statement no present I
So do I. | statement no present I
Neither do I. | statement yes present I
Never have I seen such a mess. | statement yes present I
No smoking. | statement yes none none
No problem. | statement yes none none
Good evening. | statement no none none
Thanks for the soup. | statement no none none
Thank you very much. | statement no none none
See you on Monday. | statement no none none
Two coffees, please. | statement no none none
Sounds good. | statement no present none
Doesn't matter. | statement yes present none
Let's go. | command no none none
Let's not argue. | command yes none none
Let me see. | command no none none
Come here. | command no none none
Come here! | command no none none
Be quiet. | command no none none
Don't be silly. | command yes none none
Do not touch the paint. | command yes none none
Never open this box. | command yes none none
Do your best. | command no none none
Please wait outside. | command no none none
Just tell me the price. | command no none none
Tom, close the window. | command no none none
Open the window, please. | command no none none
Water the plants. | command no none none
Work harder. | command no none none
Help! | command no none none
Hurry up, or we'll miss the train. | command no none none
If you see him, tell him to call me. | command no none none
When you leave, lock the door. | command no none none
Take the second street on the left. | command no none none
Have some more rice. | command no none none
Rephrase the title. | command no none none
Tell me why you didn't come. | command yes none none
Who left? | question no past other
Who is she? | question no present she
Who are you looking for? | question no present you
Who will carry the bags? | question no future other
Who has it? | question no present other
Who buys these things? | question no present other
What happened? | question no past other
What did he buy? | question no past he
What does your sister do? | question no present other
What's that noise? | question no present other
What are you going to wear? | question no future you
What would you do? | question no conditional you
What if she says no? | question yes present she
What about you? | question no none none
Where's my hat? | question no present other
Where were they yesterday? | question no past they
When will it be ready? | question no future it
Why didn't you call? | question yes past you
Why not? | question yes none none
How come you're awake? | question no present you
How many guests came? | question no past other
How long have we been here? | question no present we
Which train goes to Graz? | question no present other
Is it far? | question no present it
Is there any milk? | question no present other
Is your brother going to sell it? | question no future other
Are you and Tom cousins? | question no present other
Do you think he knows? | question no present you
Don't you know? | question yes present you
Didn't they tell you? | question yes past they
Won't she be angry? | question yes future she
Can I come in? | question no present I
Could you hold this? | question no conditional you
Shall we dance? | question no future we
Had he already eaten? | question no past he
You're coming, aren't you? | question no present you
She isn't French, is she? | question yes present she
It was cheap, wasn't it? | question no past it
You live here? | question no present you
Ready? | question no none none
Tom, are you asleep? | question no present you
If you won, what would you buy? | question no conditional you
With whom did she dance? | question no past she
Where do you live | question no present you
What a beautiful garden! | exclamation no none none
What a pity. | exclamation no none none
How kind of you! | exclamation no none none
How fast she runs! | exclamation no present she
How fast the dog runs! | exclamation no present other
How clever this dog is! | exclamation no present other
No doubt he tried. | statement yes past he
Got to go now. | statement no present none
How dare you! | exclamation no present you
What a dignified lady! | exclamation no none none
What a big town Graz is! | exclamation no present other
Something broke here, but I don't know what. | statement yes past other
Tom laughed, and I was angry. | statement no past other
Once you know her, she is kind. | statement no present she
Who are you and why are you here? | question no present you
What a fool I was! | exclamation no past I
I won! | exclamation no past I
Happy birthday! | exclamation no none none
Ouch! | exclamation no none none
Wow, it works! | exclamation no present it
No. 7 is my house. | statement no present other
He likes not only tea but also coffee. | statement no present he
I don’t know. | statement yes present I
I'm tired. I'm going home. | statement no present I
I'm tired. Was he tired? | ? no ? ?
Don't worry. I have a key. | ? yes ? ?
"Sit down," he said. | ? no ? ?
""".strip().splitlines()
]
